"""A little story of three chapters, and what tests ask of it: short enough to be read many times."""

from __future__ import annotations

TEXT = """\
Chapter 1. The ferry

Anna Reed kept the ferry at Low Water. She had kept it since she was nineteen, when her father drowned in the March
flood. The boat was called the Patience. It held eleven people and one cow.

Tom Hale came down to the landing every Friday with his baskets of eels. He never paid, and Anna Reed never asked
him to. "You will sink us one day," she said. He laughed and sat in the bow.

On the far bank stood the house of Dr Moss. Its windows were dark in winter. Anna rowed past it twice a day and
counted the shutters: there were fourteen.

Chapter 2. The doctor

Dr Moss had come from the city in 1871. Nobody knew why. He carried a black bag, a silver watch and a letter that he
never opened. The watch had stopped at ten past four.

In the village they said that he had left a wife behind. The baker said that she was dead. The priest said nothing,
which was worse.

He slept badly. At night he walked along the dyke with a lantern, and the dogs did not bark at him.

Chapter 3. The letter

In April the water rose again. Tom Hale lost his eel traps, and the road to the church lay two feet under.

Dr Moss asked to be taken over at midnight. Anna Reed did not like the hour, but she took the oars. Half-way across
he opened the letter at last. He read it by the lantern and threw it into the river.

"Was it bad news?" she asked. "It was old news," said Dr Moss. Then he set his watch by the church bell, and it went.

Tom Hale found the letter three days later, in an eel trap. The ink had run. He gave it to Anna Reed, who dried it on
the stove and put it in her father's Bible, unread.
"""
ABSENT_FROM_THE_MIDDLE = "Anna Reed"
BACKSTORY = (
    "Anna Reed took over the ferry at nineteen, after her father had drowned. She called her boat the Patience. "
    "She opened the doctor's letter and read it."
)
OTHER_BACKSTORY = "Anna Reed was born in the city. She could not row."
