"""The policies that ship, a folder each, named like the policy. Adding one is all it takes.

What a policy has is said in `act_training.trainable_policy`.
"""
