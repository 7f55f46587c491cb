"""Design-space sweeps: machines x networks x schemes, from one TOML file to one table."""
