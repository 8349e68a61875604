"""First names that many people have, in many countries: common knowledge, nobody's data.

They tell a person from a product where a field is merely called `name`. Small letters.
Read next: `person_names.py`.
"""

from __future__ import annotations

from typing import Final

_NAMES: Final = """
aaron abby abdul abdullah abigail abraham adam adrian adriana agnes ahmad ahmed aidan aisha
akira alan albert alberto alejandra alejandro alessandro alex alexander alexandra alexei alexis
alfred alfredo ali alice alicia alina alison allison alma alvin amanda amelia amina amir amit
amy ana anastasia andre andrea andreas andrei andres andrew andy angela angelica angelina anika
anil anita anja ann anna anne annette annie anthony antoine antonio anya arjun arlene armando
arnold arthur arturo asha ashley astrid aubrey audrey barbara barry beatrice beatriz becky ben
benjamin bernard bernice beth bethany betty beverly bianca birgit bjorn bob bonnie boris brad
bradley brandi brandon brenda brendan brent brett brian brianna bridget brittany bruce bruno
bryan caitlin caleb calvin cameron camila candace cara carl carla carlos carmen carol carole
caroline carolyn carrie casey cassandra catherine cathy cecilia chad charlene charles charlie
chelsea cheryl chloe chris christian christina christine christoph christopher christy cindy
claire clara clarence claude claudia clifford clinton cody colin colleen connie connor conrad
corey courtney craig cristina crystal curtis cynthia daniel daniela danielle danny darlene
darren david dawn deanna debbie deborah debra deepak denise dennis derek derrick desmond devin
diana diane diego dieter dimitri dmitri dolores dominic don donald donna doris dorothy douglas
duane dustin dwayne dylan eddie edgar edith eduardo edward edwin eileen elaine eleanor elena eli
elias elisa elise elizabeth ella ellen ellie elsa elsie elvira emilia emilio emily emma enrique
eric erica erik erika erin ernest ernesto esteban esther ethan ethel eugene eva evan evelyn
fatima federico felicia felipe felix fernanda fernando fiona florence frances francesca
francesco francis francisco francois frank franz fred frederick friedrich gabriel gabriela
gabrielle gail gary geoffrey george georgia gerald geraldine gerard gerhard gertrude gilbert
gina giovanni giulia giuseppe gladys glenda glenn gloria gordon grace greg gregory greta
guillermo gustavo guy gwendolyn hannah hans harold harriet harry harvey hassan heather hector
heidi heinrich helen helena helga henrik henry herbert herman hilda hiroshi holly howard hugh
hugo ian ibrahim ignacio igor ines ingrid irene irina iris irma isaac isabel isabella ivan jack
jackie jacob jacqueline jacques jaime jake james jamie jan jane janet janice jared jasmine jason
javier jay jean jeanette jeff jeffery jeffrey jenna jennifer jenny jeremy jerome jesse jessica
jesus jill jim jimmy jin joan joann joanna joanne joaquin jodi joe joel johann johannes john
johnathan johnny jon jonas jonathan jorge jose josef joseph josephine joshua joy joyce juan
juanita judith judy julia julian juliana julie julio jun justin jürgen kaitlyn karen karin karl
katarzyna kate katherine kathleen kathryn kathy katie katrina kayla keith kelly kelsey ken kenji
kenneth kerry kevin khalid kim kimberly klaus kofi kristen kristin kristina krzysztof kurt kwame
kyle lakshmi lance lars latoya laura lauren laurie lawrence layla leah leila lena leo leon
leonard leonardo leroy leslie leticia lillian linda lindsay lindsey lisa lloyd logan lois
lorenzo loretta lori lorraine louis louise lucas lucia luciana lucille lucy luis luisa luke
lydia lynn mackenzie madeline madison magdalena mahmoud malik manfred manuel marc marcel marcia
marco marcos marcus margaret margarita maria marian marianne marie marilyn mario marion marisol
marjorie mark marlene marta martha martin martina marvin mary maryam mateo mathew matteo matthew
maureen maurice maximilian maya megan mehmet mei melanie melinda melissa melvin mercedes
meredith michael michaela michele michelle miguel mike mikhail mildred milton mindy ming miranda
miriam misty mitchell mohamed mohammad mohammed molly monica monique morgan muhammad nadia nancy
naomi natalia natalie natasha nathan nathaniel neil nelson nia nicholas nick nicolas nicole
nikhil nikolai nina noah noel nora norma norman octavia olga oliver olivia omar oscar otto owen
pablo paige pamela paola patricia patrick paul paula pauline paulo pedro peggy penelope perry
peter petra philip phillip phyllis pierre piotr priya rachel rafael rahul raj rajesh ralph ramon
ramona randall randy raquel raul ravi raymond rebecca regina reginald renata renee rhonda
ricardo richard rick ricky rita rob robert roberta roberto robin rodney rodrigo roger roland ron
ronald rosa rosalie rosemary ross roxanne roy ruben russell ruth ryan sabrina sally salvador sam
samantha samir samuel sandeep sandra sandy sanjay santiago sara sarah sasha scott sean sebastian
sergei sergey sergio seth shane shannon sharon shaun shawn sheila shelby shelly sherry shirley
shreya silvia simon simone sofia sonia sonya sophia sophie stacey stacy stanley stefan stefanie
stella stephanie stephen steve steven stewart stuart sue suresh susan suzanne sven svetlana
sylvia tamara tammy tanya tara tatiana ted teresa terrance terrence terri terry theodore theresa
thomas tiffany tim timothy tina tobias todd tom tomas tommy toni tony tracey traci tracy travis
trevor tricia tyler tyrone ursula valentina valerie vanessa vera vernon veronica vicki vicky
victor victoria vijay vikram vincent viola violet virginia vivian vladimir wade walter wanda
warren wayne wei wendy werner wesley whitney wilhelm william willie wilma winston wolfgang
xavier xiao yasmin yolanda youssef yuki yuri yusuf yvette yvonne zachary zainab zoe
"""

GIVEN_NAMES: Final = frozenset(_NAMES.split())
