"""Can an attacker change what the model says?"""
