"""What is wrong with published evaluations, shown; what cheats in here is registered nowhere."""
