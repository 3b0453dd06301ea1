"""A training step's loss: over the layers that don't learn, without padding, and in parts where that is worth it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import torch
from torch import Tensor, nn

from ..errors import DataError
from .frozen_layers import FrozenLayer, ending_with
from .inputs import conditioning_of
from .layers import conditioning_context
from .loss import (
    counted,
    drop_right_padding,
    is_at_hand,
    label_scales,
    label_total,
    loss_of_hidden,
    plain_head,
    supervised,
)
from .parts import is_worth_parts, loss_in_parts
from .unchanged import modules_of, weights_of
from .unpadded import unpad


class FlamingoLearningMixin:
    """What Flamingo does with labels when nothing but the loss is asked for.

    Attributes:
        leave_out_padding: compute a training step's tokens without those after the last label, and without the padding
            on their right where that is possible (`unpadded`).
        in_parts: compute a training step's rows in parts, a thread each, where that is possible and worth it (`parts`).
    """

    leave_out_padding = True
    in_parts = True
    _plain_head: bool | None = None  # not known yet

    def _quick_loss(
        self, quick: dict[int, FrozenLayer], batch: dict[str, Tensor | None], items: Tensor | int | None
    ) -> Tensor:
        """The loss of `forward`'s arguments by the `frozen_layers`, in parts on several threads where that is worth it."""
        compute = partial(self._loss_of_rows, quick=quick)
        weights = (
            self._learning_in_parts()
            if self.in_parts and is_worth_parts(batch["input_ids"], batch["attention_mask"])
            else []
        )
        if weights:
            whole = label_total(*supervised(batch["labels"], batch["label_weights"])[1:]) if items is None else items
            try:
                return loss_in_parts(compute, weights, batch, items=whole)
            except DataError:
                pass  # said again, of the rows as they stand in the batch
        return compute(**batch, items=items)

    def _learning_in_parts(self) -> list[nn.Parameter]:
        """All weights that learn; none where parts would not do: the tower might drop patches, a hook would see a
        part's gradient.
        """
        weights = [weight for weight in weights_of(modules_of(self)) if weight.requires_grad]
        tower = weights_of(modules_of(self.vision_encoder))
        plain = not any(weight.requires_grad for weight in tower) and not any(
            weight._backward_hooks for weight in weights
        )
        return weights if plain else []

    def _loss_of_rows(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None,
        attended_image: Tensor | None,
        pixel_values: Tensor | None,
        vision_tokens: Tensor | None,
        latents: Tensor | None,
        num_images: Tensor | None,
        labels: Tensor,
        label_weights: Tensor | None,
        *,
        items: Tensor | int | None,
        quick: dict[int, FrozenLayer],
    ) -> Tensor:
        latents = self._latents(pixel_values, vision_tokens, latents)
        conditioning = conditioning_of(
            self.config, self.dtype, input_ids, attended_image, latents, None, num_images, fresh=True
        )
        keep, targets, weights = supervised(labels, label_weights)
        if self.leave_out_padding and (
            attention_mask is None or attention_mask.ndim == 2
        ):  # nothing that counts sees what comes after it
            length = counted(keep)
            input_ids, keep, conditioning = input_ids[:, :length], keep[:, :length], conditioning.until(length)
            attention_mask = None if attention_mask is None else attention_mask[:, :length]
        positions, layers = None, quick
        rows = unpad(attention_mask, keep) if self.leave_out_padding else None
        if rows is None:
            attention_mask = drop_right_padding(attention_mask)
        else:
            input_ids, positions, keep = rows.flat(input_ids), rows.positions, rows.flat(keep)
            attention_mask = keep[
                None, None
            ]  # of four dimensions, it goes down as it is, to layers that don't ask for it
            conditioning = conditioning.unpadded(rows)
            layers = {index: partial(layer, rows=rows) for index, layer in quick.items()}
        conditioning = replace(conditioning, quick=ending_with(layers, keep))
        with conditioning_context(conditioning):
            hidden = self.get_decoder()(
                input_ids=input_ids,
                attention_mask=attention_mask,
                position_ids=positions,
                use_cache=False,
                conditioning=conditioning,
            ).last_hidden_state
        return self._loss_of(hidden, keep, targets, label_scales(targets, weights, items))

    def _loss_of(self, hidden: Tensor, keep: Tensor, targets: Tensor, scales: Tensor) -> Tensor:
        """The loss from all hidden states (b, t, d), of which those at `keep` (b, t) count."""
        hidden = hidden.flatten(0, 1).index_select(0, keep.flatten().nonzero()[:, 0])
        return loss_of_hidden(hidden, self.get_output_embeddings(), targets, scales)

    def _has_plain_head(self) -> bool:
        """Whether the loss can be taken on hidden states."""
        if torch.compiler.is_compiling():
            return False
        if self._plain_head is None:
            self._plain_head = plain_head(self.lang_encoder) is not None
        return self._plain_head and is_at_hand(self.get_output_embeddings())
