"""How a message finds its readers: subjects, subscriptions, mappings and two backends."""
