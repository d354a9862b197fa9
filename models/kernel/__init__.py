"""The vocabulary of every model: parts, laws, routes, steps, and the two engines that walk them."""
