"""How what a source object names is reached: secrets, proxy, provider."""
