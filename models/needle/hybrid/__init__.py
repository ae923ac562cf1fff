"""The hybrid network on images and features, as it is asked."""
