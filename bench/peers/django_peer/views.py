"""The views."""

import re

from django.http import HttpResponse
from rest_framework.exceptions import ParseError
from rest_framework.response import Response
from rest_framework.views import APIView

from bench.peers.django_peer import login, marking, savings
from bench.peers.django_peer.serializers import (
    AccountSerializer,
    CardSerializer,
    CollectSerializer,
    LoginSerializer,
    MeSerializer,
)

KEY = re.compile(r"[\x21-\x7e]{1,255}")


class LoginView(APIView):
    authentication_classes = ()
    permission_classes = ()

    def post(self, request):
        body = LoginSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        return Response(login.log_in(**body.validated_data, address=request.META.get("REMOTE_ADDR")))


class MeView(APIView):
    def get(self, request):
        return Response(MeSerializer(request.user).data)


class AccountsView(APIView):
    def get(self, request):
        try:
            limit, after = int(request.query_params.get("limit", 50)), int(request.query_params.get("cursor", 0))
        except ValueError:
            raise ParseError from None
        if not 1 <= limit <= 100:
            raise ParseError
        shown, following = savings.page(request.user.active, limit, after)
        context = {"currency": request.user.active.currency}
        return Response({"next": following, "items": AccountSerializer(shown, many=True, context=context).data})


class AccountView(APIView):
    def get(self, request, account_id):
        context = {"currency": request.user.active.currency}
        return Response(AccountSerializer(savings.one(request.user.active, account_id), context=context).data)


class CardView(APIView):
    def get(self, request, account_id):
        context = {"currency": request.user.active.currency}
        return Response(CardSerializer(savings.card(request.user.active, account_id), context=context).data)


class MarkingsView(APIView):
    def post(self, request, account_id):
        key = request.headers.get("Idempotency-Key", "")
        if not KEY.fullmatch(key):
            raise ParseError("send an Idempotency-Key")
        body = CollectSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        receipt = marking.collect(request.user, account_id, body.validated_data["days"], key)
        return HttpResponse(receipt, status=201, content_type="application/json")
