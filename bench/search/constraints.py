"""Which points of a search may be trained: settings that fit each other, costs that are allowed."""

from bench import cost
from bench.data.dataset import Dataset
from bench.runs.config import RunConfig
from bench.runs.run import build
from bench.search.objectives import Bounds
from bench.search.space import Params, SearchSpace
from methods.core.backbone import ImageShape


class Constraints:
    """Whether a point can be built and its costs are allowed.

    The costs of most methods are exact before training. SAE's depend on the exits that it learns:
    a point is refused if its cheapest outcome is too expensive; one that then learns an expensive
    outcome is left out of the front (``bench.search.selection``).
    """

    def __init__(self, space: SearchSpace, dataset: Dataset, bounds: Bounds) -> None:
        height, width, channels = dataset.image_shape
        self._shape = ImageShape(channels, height, width)
        self._space = space
        self._dataset = dataset
        self._bounds = bounds
        self._allowed: dict[str, bool] = {}

    def __call__(self, params: Params) -> bool:
        try:
            config = self._space.config(params, seed=0)
            config.backbone_settings.check(self._shape)
        except ValueError:
            return False
        return not self._bounds or self._cheap_enough(config, params)

    def __repr__(self) -> str:
        bounds = ((self._bounds.flops, "FLOPs"), (self._bounds.params, "parameters"))
        rules = [f"at most {bound:g} {what}" for bound, what in bounds if bound is not None]
        return " and ".join(rules) or "settings that fit each other"

    def _cheap_enough(self, config: RunConfig, params: Params) -> bool:
        # Layers are counted: schedules, rates and all that is not whole has no part in a cost.
        key = repr([item for item in sorted(params.items()) if not isinstance(item[1], float)])
        if key not in self._allowed:
            method = build(config, self._dataset).eval()
            costs = (cost.measure(one.fused(), self._shape) for one in method.prunings())
            self._allowed[key] = any(self._bounds.hold(c.flops, c.params) for c in costs)
        return self._allowed[key]
