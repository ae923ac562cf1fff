"""A whole archive answered: partition by partition on Dask, each finished one kept, so that nothing is done twice."""
