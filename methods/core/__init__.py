"""What all methods stand on: the contract, the network, the likelihoods, the settings."""
