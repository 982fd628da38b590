"""The same paths as the service's."""

from django.urls import path

from bench.peers.django_peer import views

urlpatterns = [
    path("api/v1/auth/login", views.LoginView.as_view()),
    path("api/v1/auth/me", views.MeView.as_view()),
    path("api/v1/savings", views.AccountsView.as_view()),
    path("api/v1/savings/<int:account_id>", views.AccountView.as_view()),
    path("api/v1/savings/<int:account_id>/card", views.CardView.as_view()),
    path("api/v1/savings/<int:account_id>/markings", views.MarkingsView.as_view()),
]
