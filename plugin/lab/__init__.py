"""The laboratory: data sets, trainings, evaluations, studies and result pages; nothing of the service needs it."""
