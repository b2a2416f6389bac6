"""The exercises, a file for each lesson: what is asked, the hints, and a checker that says what is wrong."""
