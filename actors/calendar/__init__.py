"""A clinician's calendar: what it knows, what it decides, and the actor that makes decisions durable and heard."""
