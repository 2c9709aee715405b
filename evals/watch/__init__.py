"""What production does, watched: the last thirty days of decisions and of what people made of them."""
