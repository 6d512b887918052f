"""Orders to an assistant: classes of words in many languages, rules over classes."""
