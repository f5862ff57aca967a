"""Who tells the story: quoted speech, first-person narration, and the narrator of each chapter, letter or diary."""
