"""What a person sees and types: the command `act`, by the name of a set-up."""
