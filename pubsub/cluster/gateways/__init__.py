"""Gateways: connections between clusters, and what goes over them."""
