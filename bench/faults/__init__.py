"""The long half of the fault tests: `make faults`."""
