"""PARROT: reward models for image generation that explain before they score."""
