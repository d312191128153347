"""Judge with a model behind any OpenAI-compatible endpoint: `open_model_reasoner` builds all of it."""

from bluecode_lint.reasoners.model.budget import SpendLimits, load_prices, price_of
from bluecode_lint.reasoners.model.client import ClientOptions
from bluecode_lint.reasoners.model.conversation import Conversation, Estimate, ModelOptions
from bluecode_lint.reasoners.model.endpoint import Endpoint, endpoint_from_environment
from bluecode_lint.reasoners.model.experiments import ModelExperimenter
from bluecode_lint.reasoners.model.opening import ModelParts, open_model_reasoner
from bluecode_lint.reasoners.model.prompt import Mode, PromptOptions
from bluecode_lint.reasoners.model.reasoner import ModelReasoner
from bluecode_lint.reasoners.model.review import ModelReviewer

__all__ = [
    "ClientOptions",
    "Conversation",
    "Endpoint",
    "Estimate",
    "Mode",
    "ModelExperimenter",
    "ModelOptions",
    "ModelParts",
    "ModelReasoner",
    "ModelReviewer",
    "PromptOptions",
    "SpendLimits",
    "endpoint_from_environment",
    "load_prices",
    "open_model_reasoner",
    "price_of",
]
