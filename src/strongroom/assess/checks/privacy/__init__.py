"""What does the model tell about the people it was trained on?"""
