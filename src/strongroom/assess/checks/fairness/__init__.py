"""Does the model err on some groups more than on others?"""
