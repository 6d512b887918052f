"""The checks that come with Strongroom: one folder a room, one file a check."""
