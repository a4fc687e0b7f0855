"""Makes the small networks beside this file, with PyTorch 1.13 (Debian's python3-torch): `/usr/bin/python3 make.py`.

restore.onnx     (1,1,Y,X) → (1,2,Y,X): [image, scale], two strided levels like the real network, weights from seed 7; reach 8 pixels
echo.onnx        (1,1,Y,X) → (1,2,Y,X): [x, |x|]
delay.onnx       (1,1,Y,X) → (1,1,Y,X): x, after as many turns of a loop as the first pixel says: slow or hung, as a test needs it
nan.onnx         (1,1,Y,X) → (1,1,Y,X): logarithm of a negative number
half.onnx        (1,1,Y,X) → (1,1,Y/2,X/2): not the shape that its description promises
single.onnx      (1,1,Y,X) → (1,1,Y,X): x; says that it takes several at once, and cannot
greedy.onnx      (1,1,Y,X) → (1,1,Y,X): x, by way of a tensor of as many times 4 MiB as the first pixel says
restore-reference.json   an input and what restore.onnx gives for it, computed by PyTorch
"""

import json
from pathlib import Path

import torch
from torch import nn

here = Path(__file__).parent


class Restore(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(1, 4, 4, stride=2, padding=1)
        self.down = nn.Conv2d(4, 4, 2, stride=2)
        self.deep = nn.Conv2d(4, 4, 3, padding=1)
        self.up = nn.ConvTranspose2d(4, 4, 2, stride=2)
        self.last = nn.ConvTranspose2d(8, 2, 2, stride=2)

    def forward(self, x):
        a = torch.relu(self.stem(x))
        b = torch.relu(self.up(torch.relu(self.deep(torch.relu(self.down(a))))))
        y = self.last(torch.cat([a, b], 1))
        return torch.cat([x + y[:, :1], nn.functional.softplus(y[:, 1:])], 1)


class Echo(nn.Module):
    def forward(self, x):
        return torch.cat([x, x.abs()], 1)


class Delay(nn.Module):
    def forward(self, x):
        turns = int(x[0, 0, 0, 0].to(torch.int64))
        y = torch.zeros(1)
        for _ in range(turns):
            y = torch.cos(y)
        return x + 0 * y


class Nan(nn.Module):
    def forward(self, x):
        return torch.log(-1 - x.abs())


class Half(nn.Module):
    def forward(self, x):
        return nn.functional.avg_pool2d(x, 2)


class Single(nn.Module):
    def forward(self, x):
        return x.reshape(1, 1, x.shape[2], x.shape[3]) + 0


class Greedy(nn.Module):
    def forward(self, x):
        count = x[0, 0, 0, 0].to(torch.int64)
        return x + 0 * torch.zeros(count, 1024, 1024).sum()


def export(name, network):
    free = {0: "batch", 2: "y", 3: "x"}
    torch.onnx.export(
        network, torch.zeros(1, 1, 32, 32), here / f"{name}.onnx", opset_version=17, input_names=["raw"], output_names=["restored"],
        dynamic_axes={"raw": free, "restored": free},
    )  # fmt: skip


torch.manual_seed(7)
restore = Restore().eval()
export("restore", restore)
export("echo", Echo())
export("delay", torch.jit.script(Delay()))
export("nan", Nan())
export("half", Half())
export("single", Single())
export("greedy", torch.jit.script(Greedy()))
with torch.no_grad():
    x = torch.rand(1, 1, 32, 32, generator=torch.Generator().manual_seed(1))
    x = (x * 4096).round() / 4096
    y = restore(x)
(here / "restore-reference.json").write_text(
    json.dumps({"input": x.flatten().tolist(), "image": [round(v, 6) for v in y[0, 0].flatten().tolist()], "scale": [round(v, 6) for v in y[0, 1].flatten().tolist()]})
)
