"""The gate that decides, and the registry of sealed versions that moves them between stages."""
