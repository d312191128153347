"""What is known: rules, constitutions and exemplars, and how the ones that matter to a case are found."""
