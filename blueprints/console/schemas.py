"""What the console's addresses and forms carry."""

from blueprints.markings.schemas import RouteQuery
from ofektom.schemas import PageIn, Schema, Secret, Text

__all__ = ["ApprovalsQuery", "CollectorsQuery", "PageIn", "RouteQuery", "SignInIn"]


class SignInIn(Schema):
    login = Text(longest=254, required=True, metadata={"description": "username, phone or e-mail"})
    secret = Secret(required=True, metadata={"description": "PIN or password"})


class CollectorsQuery(Schema):
    cursor = Text(longest=200, load_default=None, metadata={"description": "`next` of the page before"})


class ApprovalsQuery(Schema):
    payouts = Text(longest=200, load_default=None, metadata={"description": "`next` of the payouts of the page before"})
    expenses = Text(longest=200, load_default=None, metadata={"description": "the same of the expenses"})
    said = Text(longest=2000, load_default=None, metadata={"description": "what became of the form that was sent"})
