"""The same work in other frameworks, written as their own users write it, to be measured beside ours.

These run in an environment of their own (requirements.txt here) and import nothing of the service. Each has its tables
in a schema of its own, filled with the rows of ours, and answers the same requests with the same JSON.
"""
