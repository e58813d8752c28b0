"""A cluster on AWS for a group: `footfall cluster up`, `status`, `down`, `list`, `image`.

What runs, AWS alone knows: nothing is kept on a laptop. Data flows downwards:

| module | what |
|---|---|
| `names` | the tags that everything of a group has, and its keys in the workspace |
| `orders` | what somebody asks for, and what must be asked for twice |
| `prices` | a dated table of prices, `prices.csv` |
| `wheelhouse` | what machines install |
| `requests` | the requests that change anything, as JSON |
| `service` | the calls themselves, and their errors in our words |
| `objects` | objects of the workspace: made once |
| `locks` | the group's lock, an object of the workspace |
| `standing` | what AWS has of a group |
| `hours` | how long its machines were there this month |
| `upload` | the wheelhouse and new keys, to the workspace |
| `waiting` | what a cluster says of itself until it is ready, or why it failed |
| `settling` | of several clusters of a group, the one that stays |
| `up`, `image`, `status`, `down`, `listing` | the verbs |
| `machine` | what a machine of an image does: scheduler or worker, until it is idle |
"""
