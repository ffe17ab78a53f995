"""A small GPT-2 from scratch under the Hugging Face Trainer, on the text of Python's help topics."""

import argparse
import pydoc_data.topics
import tempfile

import torch
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    Trainer,
    TrainerCallback,
    TrainingArguments,
    get_linear_schedule_with_warmup,
    set_seed,
)

import warmboot

CONTEXT = 64
STEPS = 100


def datasets():
    topics = pydoc_data.topics.topics
    raw = "".join(topics[key] for key in sorted(topics))
    letters = {letter: i for i, letter in enumerate(sorted(set(raw)))}
    tokens = torch.tensor([letters[letter] for letter in raw])
    blocks = tokens[: len(tokens) // CONTEXT * CONTEXT].view(-1, CONTEXT)
    rows = [{"input_ids": block, "labels": block} for block in blocks]
    cut = int(0.8 * len(rows))
    return len(letters), rows[:cut], rows[cut : cut + 96], rows[-256:]


class Report(TrainerCallback):
    """Tells the search the validation loss; the last one is reported together with the test loss."""

    def on_evaluate(self, args, state, control, metrics, **kwargs):
        if state.global_step < state.max_steps:
            warmboot.report(state.global_step, val=metrics["eval_loss"])


def fit(seed, steps, make_scheduler):
    set_seed(seed)
    vocabulary, train_set, val_set, test_set = datasets()
    config = GPT2Config(
        vocab_size=vocabulary,
        n_positions=CONTEXT,
        n_embd=64,
        n_layer=2,
        n_head=2,
        activation_function="gelu",
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        bos_token_id=None,
        eos_token_id=None,
    )
    model = GPT2LMHeadModel(config)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.1)
    scheduler = make_scheduler(optimizer)
    with tempfile.TemporaryDirectory() as folder:
        args = TrainingArguments(
            output_dir=folder,
            max_steps=steps,
            per_device_train_batch_size=8,
            per_device_eval_batch_size=64,
            eval_strategy="steps",
            eval_steps=40,
            logging_strategy="no",
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            use_cpu=True,
            seed=seed,
        )
        trainer = Trainer(
            model,
            args,
            train_dataset=train_set,
            eval_dataset=val_set,
            optimizers=(optimizer, scheduler),
            callbacks=[Report()],
        )
        warmboot.report(0, val=trainer.evaluate()["eval_loss"])
        trainer.train()
        val = trainer.evaluate()["eval_loss"]
        test = trainer.evaluate(test_set)["eval_loss"]
    warmboot.report(steps, val=val, test=test)
    return val, test


def train(schedule, seed):
    """Validation and test loss of one training with a schedule, in this process."""

    def make_scheduler(optimizer):
        optimizer.param_groups[0]["lr"] = schedule.lr
        return warmboot.WarmbootLR(optimizer, schedule, total_steps=STEPS)

    return fit(seed, STEPS, make_scheduler)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    def make_scheduler(optimizer):
        def own():
            return get_linear_schedule_with_warmup(optimizer, args.steps // 20, args.steps)

        return warmboot.attach(optimizer, args.steps, otherwise=own)

    val, test = fit(args.seed, args.steps, make_scheduler)
    print(f"val {val:.6f}  test {test:.6f}")


if __name__ == "__main__":
    main()
