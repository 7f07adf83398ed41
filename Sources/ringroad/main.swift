print("ringroad")
