"""How charts are shown: small pictures, and outputs of notebooks that survive."""
