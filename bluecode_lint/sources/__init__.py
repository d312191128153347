"""Where scanned text comes from: paths, standard input, git. The only room that opens a scanned file."""
