"""Who decides who may do what: one file per authenticator."""
