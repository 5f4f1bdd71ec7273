"""What a network consists of, written down as calls that any device can replay."""
