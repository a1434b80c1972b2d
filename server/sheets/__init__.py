"""Password sheets on paper (RULES, S2): the only room that knows the typesetter and the QR code's maker."""
