"""What is made for a release: the layout of the Hugging Face Hub."""
