"""What people look at while a search runs and afterwards: a report, and commands that read a study."""
