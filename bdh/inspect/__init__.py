"""What goes on inside a model, in numbers: activity, weights, the neuron graph, concepts and synapses. No pictures."""
