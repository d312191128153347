"""The command line: reads argv, environment and configuration, builds the parts, prints, exits."""
