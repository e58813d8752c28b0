"""A cluster on AWS for a group: `footfall cluster up`, `status`, `down`, `list`, `image`.

What runs, AWS alone knows: nothing is kept on a laptop. Data flows downwards:

| module | what |
|---|---|
| `records` | what AWS and the workspace know of a group: names, its lock, what is standing, its hours, prices |
| `orders` | what somebody asks for, and what must be asked for twice |
| `wheelhouse` | what machines install |
| `requests` | the requests that change anything, as JSON |
| `service` | the calls themselves, and their errors in our words |
| `upload` | the wheelhouse and new keys, to the workspace |
| `waiting` | what a cluster says of itself until it is ready, or why it failed |
| `verbs` | up, image, status, down, list |
| `machine` | what a machine of an image does: scheduler or worker, until it is idle |
"""
