"""How servers find each other and share interest: routes, gateways, leaf nodes."""
