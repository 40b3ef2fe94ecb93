"""ACT in PyTorch: backbone, network, and the policy that wraps them in normalisation."""
