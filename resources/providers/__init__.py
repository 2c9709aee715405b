"""Clients of model servers, and the way from one to the next when one fails. They take a rendered prompt and return the model's
raw text; they decide nothing. SDKs load where first used.
"""

from resources.providers.completion import Attempt, Completion, ModelRequest, Operation, Provider
from resources.providers.failures import NoProviderLeft, ProviderFailure
from resources.providers.models import Models, RoutedModel
from resources.providers.openai_compatible import OpenAICompatibleProvider, openai_client
from resources.providers.router import Router, StreamedCompletion
from resources.providers.selection import Chain, Dropped, Link, cheapest_for_tokens, eligible_chain
from resources.providers.spec import Capabilities, Limits, ProviderSpec, provider_specs

__all__ = [
    "Attempt",
    "Capabilities",
    "Chain",
    "Completion",
    "Dropped",
    "Limits",
    "Link",
    "ModelRequest",
    "Models",
    "NoProviderLeft",
    "OpenAICompatibleProvider",
    "Operation",
    "Provider",
    "ProviderFailure",
    "ProviderSpec",
    "RoutedModel",
    "Router",
    "StreamedCompletion",
    "cheapest_for_tokens",
    "eligible_chain",
    "openai_client",
    "provider_specs",
]
