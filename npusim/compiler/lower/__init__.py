"""How the machine computes each operator: a file of the stem of the operator's page."""
