"""Who judges a case in the light of constitutions."""
